"""`/docs`: the REST interface as one page, with what that page is made of."""
