# kind: call
# must: pass
# why: a database in memory and one in a file
import sqlite3


def add(a, b):
    for name in (":memory:", "data.db"):
        with sqlite3.connect(name) as connection:
            connection.execute("create table if not exists t (n int)")
            connection.executemany("insert into t values (?)", [(a,), (b,)])
            total = connection.execute("select sum(n) from t").fetchone()[0]
            connection.execute("drop table t")
    return total
