# kind: stdio
# must: fail
# why: a script whose thread never ends
import threading
import time

threading.Thread(target=time.sleep, args=(3600,)).start()
print(sum(map(int, input().split())))
