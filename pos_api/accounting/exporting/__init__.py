"""Files of entries for bookkeeping programs: SIE 4I, Xero, QuickBooks and plain CSV. Pure: no database."""
