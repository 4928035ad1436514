package main

import (
	"errors"
	"strings"
)

// splitWords cuts a command into its words at blanks. Quotes, single or double, keep blanks, and
// nothing else has a meaning: no shell is involved.
func splitWords(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	inside, quote := false, rune(0)
	for _, r := range s {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			inside, quote = true, r
		case strings.ContainsRune(" \t\r\n", r):
			if inside {
				words = append(words, word.String())
			}
			inside = false
			word.Reset()
		default:
			inside = true
			word.WriteRune(r)
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	if inside {
		words = append(words, word.String())
	}
	if len(words) == 0 {
		return nil, errors.New("no command is named")
	}
	return words, nil
}
