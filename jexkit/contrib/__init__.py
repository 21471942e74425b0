"""jexkit inside other people's frameworks: each in a file or folder of its own, behind an extra of the same name."""
