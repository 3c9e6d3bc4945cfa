import os

# Before the first open decides: these tests share nothing with the user's programs.
os.environ["MAPIOFFLINE_STORE"] = "memory"
os.environ.pop("MAPIOFFLINE_STATE_DIR", None)

pytest_plugins = ["pytester"]
