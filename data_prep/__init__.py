"""Corpora in packed tokens, a vocabulary and a manifest, made of official files. No torch here.

:mod:`~arae_toolkit.data_prep.readers` yield rows of one format each,
:mod:`~arae_toolkit.data_prep.synthetic` makes corpora of our own, and
:mod:`~arae_toolkit.data_prep.preparation` packs the rows and writes the corpus folder.
"""
