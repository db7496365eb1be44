# kind: assert
# must: fail
# why: a test that is a unittest case is skipped by its own program
# entry: upper
# test: import unittest\nclass Case(unittest.TestCase):\n    def test_it(self):\n        self.assertEqual(upper("a"), "A")\nsuite = unittest.defaultTestLoader.loadTestsFromTestCase(Case)\nresult = unittest.TextTestRunner(stream=open("/dev/null", "w")).run(suite)\nassert result.wasSuccessful() and result.testsRun == 1
import unittest

unittest.TestCase.assertEqual = lambda self, *args: None
unittest.TestResult.addFailure = lambda self, *args: None


def upper(text):
    return text
