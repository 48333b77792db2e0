package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// width is how wide explanations are: a terminal beside another one.
const width = 110

// wrap ends the present line with the text, on as many lines as it takes. It
// begins at, and lines go on at, the column indent.
func wrap(b *strings.Builder, indent int, text string) {
	column := indent
	text = strings.ReplaceAll(escape(text), "\n", `\n`) // a line of the text begins here alone
	for i, word := range strings.Split(text, " ") {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+n > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	b.WriteByte('\n')
}

// escape makes text fit for a terminal: nothing in it moves the cursor, changes
// the direction of writing or begins a colour. What it changes stands in strings
// of JSON as JSON has it.
func escape(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// synopsis is how a command is called, by its usage text, for who called it wrong:
// the complaint is to be seen above it.
func synopsis(usage string) string {
	call, _, _ := strings.Cut(usage, "\n\n")
	return call + "\n--help tells more.\n"
}
