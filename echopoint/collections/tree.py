"""The folder tree of a collection."""

MAX_DEPTH = 20


class FolderTree:
    """Folders of one collection; `parents` maps each id to the id of its parent."""

    def __init__(self, parents):
        self.parents = parents

    def path(self, folder):
        """Return the ids from a folder up to the root; [] for None, the root itself."""
        ids = []
        while folder is not None:
            ids.append(folder)
            folder = self.parents[folder]
        return ids

    def descendants(self, folder):
        """Return the ids of a folder and of all folders below it."""
        return {each for each in self.parents if folder in self.path(each)}

    def height(self, folder):
        """Return the number of levels of a folder, including itself."""
        above = len(self.path(folder)) - 1
        return max(len(self.path(each)) for each in self.descendants(folder)) - above

    def complaint(self, folder, parent):
        """Return why the folder cannot have this parent, or an empty string.

        `folder` is None or not in the tree if it is new.
        """
        path = self.path(parent)
        if folder in path:
            return "A folder cannot be inside itself or one of its own folders."
        height = self.height(folder) if folder in self.parents else 1
        if len(path) + height > MAX_DEPTH:
            return f"Folders can be nested at most {MAX_DEPTH} deep."
        return ""
