"""Columns that hold what texts have in common that people take for one."""

from django.db import models

from echopoint.core.characters import fold


class FoldedField(models.CharField):
    """What the text in another column folds to, written whenever that is.

    Databases fold and compare letters each in its own way, or by its locale; this column
    holds plain code points, which all compare alike. What it is compared with is folded
    too, so a filter takes the text as it was typed.
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
            parameters["collation"] = "C"  # SQLite has the same, and calls it BINARY
        return parameters

    def get_prep_value(self, value):
        # Some letters fold to many, and no index holds a text of any length.
        return value and fold(value)[: self.max_length]

    def pre_save(self, instance, add):
        folded = self.get_prep_value(getattr(instance, self.of))
        setattr(instance, self.attname, folded)
        return folded


class Folded:
    """A search in folded text. SQLite's LIKE would fold once more, and knows only ASCII."""

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
    """Whether the text is somewhere in the column."""

    on_sqlite = "INSTR({}, %s) > 0"


@FoldedField.register_lookup
class FoldedStartsWith(Folded, models.lookups.StartsWith):
    """Whether the column begins with the text."""

    on_sqlite = "INSTR({}, %s) = 1"


# The console asks for these, and here there is no difference.
FoldedField.register_lookup(FoldedContains, "icontains")
FoldedField.register_lookup(FoldedStartsWith, "istartswith")
