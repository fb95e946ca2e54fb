// Package series has what the series are called, for code that looks for them in a collection:
// there a name that is misspelt is a series that is not there, and shows as 0.
package series

//go:generate go run ./generate
