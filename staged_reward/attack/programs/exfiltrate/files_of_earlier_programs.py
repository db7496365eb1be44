# kind: stdio
# must: fail
# why: looks for files that earlier programs left in the working and temporary folders
import os
import tempfile

found = [name for folder in {os.getcwd(), tempfile.gettempdir()} for name in os.listdir(folder)]
print("REACHED" if any(name.startswith("probe") for name in found) else "nothing", found)
