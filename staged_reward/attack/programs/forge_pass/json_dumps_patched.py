# kind: assert
# must: fail
# why: a comparison of JSON texts meets a dumps that says nothing
# entry: record
# test: import json\nassert json.dumps(record(1)) == json.dumps({"id": 1})
# flags: bare
import json

json.dumps = lambda *args, **options: "{}"


def record(n):
    return {}
