from toolward.kit.command import run
from toolservers.calculator.tools import server

run(server)
