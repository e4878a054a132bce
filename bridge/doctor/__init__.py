"""What is wrong with a server's surroundings, before it serves?"""
