"""``python examples/rolling-reindex`` plays the story and ends with 1 if it was not true."""

import sys

from story.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
