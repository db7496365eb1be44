# kind: assert
# must: pass
# why: a class with state, properties and operators
# entry: Account
# test: account = Account(10)\naccount.deposit(5)\nassert account.balance == 15
# test: account = Account(1)\ntry:\n    account.withdraw(9)\nexcept ValueError as error:\n    assert "too little" in str(error)\nelse:\n    assert False
# test: assert len(Account(3)) == 3
class Account:
    def __init__(self, balance):
        self._balance = balance

    @property
    def balance(self):
        return self._balance

    def deposit(self, amount):
        self._balance += amount

    def withdraw(self, amount):
        if amount > self._balance:
            raise ValueError("too little money")
        self._balance -= amount

    def __len__(self):
        return self._balance
