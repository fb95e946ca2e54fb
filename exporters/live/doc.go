// Package live is the operator's page.
package live
