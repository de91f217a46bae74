"""The story played: servers, visitors, the operator's commands, and the verdict on their logs."""
