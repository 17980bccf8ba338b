"""Columns with folded text, to compare and search names as people read them."""

from django.db import models

from echopoint.core.characters import fold


class FoldedField(models.CharField):
    """The folded text of another column, updated with it.

    Databases fold and compare letters by their own rules or by locale. This column is
    compared by code point, the same on every database. Lookup values are folded too, so
    filters take the text as typed.
    """

    def __init__(self, *args, of, **options):
        super().__init__(*args, editable=False, **options)
        self.of = of

    def deconstruct(self):
        name, path, args, options = super().deconstruct()
        del options["editable"]
        return name, path, args, options | {"of": self.of}

    def db_parameters(self, connection):
        parameters = super().db_parameters(connection)
        if connection.vendor == "postgresql":
            parameters["collation"] = "C"  # the same as SQLite's default, BINARY
        return parameters

    def get_prep_value(self, value):
        # Some letters fold to several, and an index entry has a maximum size.
        return value and fold(value)[: self.max_length]

    def pre_save(self, instance, add):
        folded = self.get_prep_value(getattr(instance, self.of))
        setattr(instance, self.attname, folded)
        return folded


class Folded:
    """A search in folded text. Avoids SQLite's LIKE, which folds again, and only ASCII."""

    on_sqlite = ""

    def get_prep_lookup(self):
        return fold(self.rhs) if self.rhs_is_direct_value() else self.rhs

    def as_sqlite(self, compiler, connection):
        if not self.rhs_is_direct_value():
            return super().as_sql(compiler, connection)
        column, parameters = self.process_lhs(compiler, connection)
        return self.on_sqlite.format(column), (*parameters, self.rhs)


@FoldedField.register_lookup
class FoldedContains(Folded, models.lookups.Contains):
    on_sqlite = "INSTR({}, %s) > 0"


@FoldedField.register_lookup
class FoldedStartsWith(Folded, models.lookups.StartsWith):
    on_sqlite = "INSTR({}, %s) = 1"


# The admin console uses these names. Folded text has no case, so they are the same.
FoldedField.register_lookup(FoldedContains, "icontains")
FoldedField.register_lookup(FoldedStartsWith, "istartswith")
