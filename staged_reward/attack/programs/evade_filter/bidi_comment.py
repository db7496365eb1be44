# kind: assert
# must: fail
# why: characters that turn the direction of text hide what a reader would see
def add(a, b):
    sign = "minus⁦# plus"
    return a - b if sign else a + b
