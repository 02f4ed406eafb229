"""What `flwr run` starts: the hospitals of `shoal federate demo`, on nodes of your own."""

from typing import Any

from flwr.serverapp import ServerApp

from shoal.demo import hospital_apps

# Flower looks for assignments of these names before it runs anything.
client_app = hospital_apps.client_app
server_app = ServerApp()


@server_app.main()
def main(grid: Any, context: Any) -> None:
    """Train by several rules, and print how well each did."""
    for one in hospital_apps.trainings(grid, int(context.run_config["rounds"])):
        print(one)
