# kind: call
# must: pass
# why: reads the machine's time zone files
from datetime import datetime
from zoneinfo import ZoneInfo


def add(a, b):
    moment = datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Europe/Paris"))
    return a + b + int(moment.utcoffset().total_seconds()) - 7200
