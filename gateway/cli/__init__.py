"""The command `hushgate`: a file per verb. The only place where stores are built and a process exits."""
