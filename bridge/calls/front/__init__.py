"""Where calls are asked for, found and remembered, wherever they are carried."""
