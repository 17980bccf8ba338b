import pytest

from echopoint.collections.tree import FolderTree

#     a      d
#    / \
#   b   e
#   |
#   c
TREE = FolderTree({"a": None, "b": "a", "c": "b", "d": None, "e": "a"})


def chain(length):
    """Return a tree of folders 1, 2, 3, …, each in the one before."""
    return FolderTree({n: n - 1 or None for n in range(1, length + 1)})


def test_a_path_goes_from_a_folder_up_to_the_root():
    assert TREE.path("c") == ["c", "b", "a"]
    assert TREE.path("d") == ["d"]
    assert TREE.path(None) == []


def test_what_is_below_a_folder_is_itself_and_all_that_is_in_it():
    assert TREE.descendants("a") == {"a", "b", "c", "e"}
    assert TREE.descendants("c") == {"c"}


def test_the_height_counts_the_levels_from_a_folder_down():
    assert TREE.height("a") == 3
    assert TREE.height("b") == 2
    assert TREE.height("d") == 1


@pytest.mark.parametrize("parent", ["a", "b", "c"])
def test_a_folder_cannot_be_inside_itself_or_below(parent):
    assert "inside itself" in TREE.complaint("a", parent)


@pytest.mark.parametrize(("folder", "parent"), [("a", "d"), ("c", "e"), ("e", "c")])
def test_a_folder_can_lie_in_any_other(folder, parent):
    assert TREE.complaint(folder, parent) == ""


def test_a_new_folder_can_lie_19_deep_but_not_20():
    assert chain(20).complaint(None, 19) == ""
    assert "20 deep" in chain(20).complaint(None, 20)


def test_a_folder_moves_with_all_its_levels():
    tree = FolderTree(chain(18).parents | {"a": None, "b": "a", "c": "b"})

    assert tree.complaint("b", 18) == ""
    assert "20 deep" in tree.complaint("a", 18)
