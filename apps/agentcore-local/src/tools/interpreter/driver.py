"""Runs pieces of Python one after the other, with what they define kept between them.

Orders come as lines of JSON on file descriptor 3; each is answered on descriptor 4 after its marker was written to both outputs.
"""

import ast
import json
import os
import sys
import traceback

orders = os.fdopen(3, "r", encoding="utf-8")
answers = os.fdopen(4, "w", encoding="utf-8")


def fresh():
    return {"__name__": "__main__", "__builtins__": __builtins__}


def execute(code, scope):
    tree = ast.parse(code, "<code>")
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<code>", "exec"), scope)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), "<code>", "eval"), scope)
        if value is not None:
            print(repr(value))


scope = fresh()
for line in orders:
    order = json.loads(line)
    if order.get("clear"):
        scope = fresh()
    failed = False
    try:
        execute(order["code"], scope)
    except SystemExit as error:
        failed = error.code not in (None, 0)
    except BaseException:
        failed = True
        kind, value, trace = sys.exc_info()
        # The first frame is this file's.
        traceback.print_exception(kind, value, trace.tb_next.tb_next if trace.tb_next else None)
    for stream in (sys.stdout, sys.stderr):
        stream.write(order["marker"])
        stream.flush()
    answers.write(json.dumps({"failed": failed}) + "\n")
    answers.flush()
