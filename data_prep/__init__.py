"""Corpora in packed tokens, a vocabulary and a manifest, made of official files. No torch here.

Readers of one form each (:mod:`~arae_toolkit.data_prep.readers.snli`, ``yelp``, ``yahoo``, ``images``,
``plain``, ``synthetic``) yield rows; :mod:`~arae_toolkit.data_prep.readers.source_files` finds the files, and
:mod:`~arae_toolkit.data_prep.preparation` packs the rows and writes the corpus folder.
"""
