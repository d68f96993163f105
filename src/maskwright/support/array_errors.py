"""What NumPy says of a file that it cannot read, in words for the user."""

from __future__ import annotations


def array_fault(error: Exception) -> str:
    """Why `np.load` refused a file.

    NumPy takes every file without its own first bytes for a pickle, and advises to load it all the
    same. A pickle can run code, so nobody should follow that.
    """
    told = str(error)
    if "allow_pickle" in told:
        return "it is not an array file of NumPy, or it holds objects"
    # Where a .npy file alone will do, NumPy compares its first bytes and shows them.
    if "magic string" in told:
        return "it is not an array file of NumPy"
    return told
