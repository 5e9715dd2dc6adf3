"""What counts as an e-mail address, a phone number, a number that a spreadsheet damaged; free of pandera."""
