"""Files of older Caffes in today's format, as upgrade_proto.cpp reads them."""
