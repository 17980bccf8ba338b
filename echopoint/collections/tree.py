"""How the folders of a collection lie in each other."""

MAX_DEPTH = 20


class FolderTree:
    """The folders of one collection, by the folder each is in: {id: parent's id}."""

    def __init__(self, parents):
        self.parents = parents

    def path(self, folder):
        """Return the ids from a folder up to the root, its own first; of None, none."""
        ids = []
        while folder is not None:
            ids.append(folder)
            folder = self.parents[folder]
        return ids

    def below(self, folder):
        """Return the ids of a folder and of all in it, at any depth."""
        return {each for each in self.parents if folder in self.path(each)}

    def height(self, folder):
        """Return how many levels a folder takes, its own included."""
        above = len(self.path(folder)) - 1
        return max(len(self.path(each)) for each in self.below(folder)) - above

    def complaint(self, folder, parent):
        """Return why a folder cannot lie in another, or an empty string.

        A folder that is not in the tree is a new one.
        """
        path = self.path(parent)
        if folder in path:
            return "A folder cannot lie in itself, nor in one of its own folders."
        height = self.height(folder) if folder in self.parents else 1
        if len(path) + height > MAX_DEPTH:
            return f"Folders can be nested {MAX_DEPTH} deep at most."
        return ""
