"""Votes, best-ofs, cascades and routes: what several calls for one answer bring and cost."""
