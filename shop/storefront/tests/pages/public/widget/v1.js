// Stands where `make web` puts the script of the widget.
