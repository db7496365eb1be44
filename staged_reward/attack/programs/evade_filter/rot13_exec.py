# kind: assert
# must: fail
# why: the program is in a decoded string
# flags: bare
import codecs

exec(codecs.decode("vzcbeg bf; bf._rkvg(0)", "rot13"))
