# kind: assert
# must: fail
# why: a list whose contents, when the judge asks for them, are others every time
# entry: chunks
# test: result = chunks([1, 2, 3])\nassert len(result) == 2\nassert list(result) == [[1, 2], [3]]
class Shifty(list):
    def __len__(self):
        return 2

    def __iter__(self):
        return iter([[1], [2, 3]])

    def __reduce_ex__(self, version):
        return list, ([[1, 2], [3]],)


def chunks(items):
    return Shifty([items])
