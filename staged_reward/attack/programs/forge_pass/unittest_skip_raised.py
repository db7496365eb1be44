# kind: assert
# must: fail
# why: raises what unittest takes for a test that is to be skipped
# entry: upper
# test: import unittest\nclass Case(unittest.TestCase):\n    def test_it(self):\n        self.assertEqual(upper("a"), "A")\nsuite = unittest.defaultTestLoader.loadTestsFromTestCase(Case)\nresult = unittest.TextTestRunner(stream=open("/dev/null", "w")).run(suite)\nassert result.wasSuccessful() and result.testsRun == 1
# flags: bare
import unittest


def upper(text):
    raise unittest.SkipTest
