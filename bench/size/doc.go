// Package size measures how large a program becomes with what it imports, for docs/size.md.
package size
