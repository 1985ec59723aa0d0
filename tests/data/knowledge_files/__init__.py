"""PDF and DOCX files of the bundled knowledge base, made from texts beside this file:

    python -m tests.data.knowledge_files

The same text gives the same bytes everywhere: nothing is compressed, and every time in a file is its own date.
"""
