#!/usr/bin/python3
"""Accounts in an SQLite database, changed in place by transactions: prints the balance after each, and at the end that the file is sound."""
import sqlite3
import sys

rounds, mode = int(sys.argv[1]), sys.argv[2]
database = sqlite3.connect("ledger.db", isolation_level=None)
database.execute(f"PRAGMA journal_mode={mode}")
database.execute("PRAGMA synchronous=NORMAL")
database.execute("CREATE TABLE account (number INTEGER PRIMARY KEY, balance INTEGER, note TEXT)")
database.executemany("INSERT INTO account VALUES (?, 100, ?)", ((number, "x" * 200) for number in range(400)))
value = 1
for number in range(rounds):
    database.execute("BEGIN IMMEDIATE")
    for _ in range(6):
        value = (value * 1103515245 + 12345) % 2147483648
        amount = value % 7
        database.execute("UPDATE account SET balance = balance - ?, note = ? WHERE number = ?", (amount, str(number) * 20, value % 400))
        database.execute("UPDATE account SET balance = balance + ? WHERE number = ?", (amount, (value >> 8) % 400))
    database.execute("INSERT INTO account VALUES (?, 0, ?)", (400 + number, f"made in round {number}"))
    database.execute("COMMIT")
    count, total = database.execute("SELECT count(*), sum(balance) FROM account").fetchone()
    weighted = database.execute("SELECT sum(number * balance) FROM account").fetchone()[0]
    print(f"round {number}: {count} accounts, {total} together, {weighted}", flush=True)
print(database.execute("PRAGMA integrity_check").fetchone()[0])
