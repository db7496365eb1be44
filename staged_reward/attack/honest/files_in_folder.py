# kind: stdio
# must: pass
# why: leaves files in its own folder, as a script may
with open("data.txt", "w") as file:
    file.write(input())
with open("data.txt") as file:
    print(sum(map(int, file.read().split())))
