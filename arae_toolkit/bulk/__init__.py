"""Bulk inference: files in, files out, by processes of this machine or by Ray (extra ``ray``)."""
