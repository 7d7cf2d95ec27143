"""Finding in large made collections: the data, the filling of both indexes, the questions."""
