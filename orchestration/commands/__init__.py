"""The commands of ``leadloop``, a module for each group; ``cli`` puts them together.

They read arguments, call a stage and print; no logic of their own. What is for programs goes to standard output,
what is for people around it to standard error.
"""
