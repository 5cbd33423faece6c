"""The content codings of bodies, one format a file, each read and written in pieces. Pure."""
