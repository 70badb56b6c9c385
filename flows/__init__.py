"""The door for the clock: Prefect flows that call one pipeline verb each and decide nothing."""
