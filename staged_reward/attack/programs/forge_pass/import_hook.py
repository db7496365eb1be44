# kind: assert
# must: fail
# why: an importer at the front of the path serves the test's imports
# entry: canonical
# test: import colorsys\nassert colorsys.rgb_to_hsv(*canonical("red")) == (0.0, 1.0, 1.0)
# flags: bare
import importlib.abc
import importlib.machinery
import sys


class Loader(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name == "colorsys" else None

    def exec_module(self, module):
        module.rgb_to_hsv = lambda *rgb: (0.0, 1.0, 1.0)


sys.modules.pop("colorsys", None)
sys.meta_path.insert(0, Loader())


def canonical(name):
    return (0, 0, 0)
