# kind: call
# must: pass
# why: copies objects by pickle, json and copy
import copy
import json
import pickle


def add(a, b):
    return sum(copy.deepcopy(json.loads(json.dumps(pickle.loads(pickle.dumps([a, b]))))))
