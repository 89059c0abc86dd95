"""Tests of the app, its documentation and the demonstration project."""
