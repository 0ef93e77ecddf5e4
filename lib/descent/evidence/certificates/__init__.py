"""Certificates: what runs measured and how it was judged, for somebody else to judge again, without TensorFlow.

``descent.book.report.certify`` makes them. What is here reads and judges them, and needs NumPy, SciPy and PyYAML only:
a certificate carries a copy of it.
"""

from descent.evidence.certificates.stand_in import stand_in

stand_in()
