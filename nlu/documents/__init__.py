"""Documents of the company: from the bytes of a file to passages with titles and pages."""
